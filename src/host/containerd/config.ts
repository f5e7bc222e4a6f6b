/**
 * containerd's configuration: what a node needs and nothing else, all of it below the data directory and the run folder.
 *
 * @see https://github.com/containerd/containerd/blob/main/docs/cri/config.md
 */
import { pauseImageName, type RuntimeBundle } from "../runtime-bundle.ts";
import type { ContainerdFolders } from "../containerd.ts";

/** Plugins nobody here uses; each costs memory, and some complain on machines that lack what they need. */
const disabledPlugins = [
  "io.containerd.differ.v1.erofs",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
];

export interface ConfigParts {
  readonly folders: ContainerdFolders;
  readonly bundle: RuntimeBundle;
  /** Whether processes may be protected from the kernel's out-of-memory killer. */
  readonly mayRaiseOomScore: boolean;
  readonly appArmor: boolean;
}

/** The configuration as TOML, the same for the same parts: its hash tells whether a running containerd fits. */
export function containerdConfig({ folders, bundle, mayRaiseOomScore, appArmor }: ConfigParts): string {
  return `version = 3
root = ${quoted(folders.root)}
state = ${quoted(folders.run)}
disabled_plugins = [${disabledPlugins.map(quoted).join(", ")}]
${mayRaiseOomScore ? "oom_score = -999\n" : ""}
[grpc]
address = ${quoted(folders.socket)}

[debug]
level = "warn"

[plugins."io.containerd.grpc.v1.cri"]
stream_server_address = ${quoted(folders.streaming)}

# containerd waits for the disk with what it knows of a layer, but not with the layer's files: a machine that loses power
# soon after would have empty files in an image that counts as whole, for good. Only the local ways of pulling wait.
[plugins."io.containerd.service.v1.diff-service"]
sync_fs = true

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
use_local_image_pull = true
image_pull_with_sync_fs = true
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = ${quoted(pauseImageName)}
[plugins."io.containerd.cri.v1.images".registry]
config_path = ${quoted(folders.registries)}

[plugins."io.containerd.cri.v1.runtime"]
disable_apparmor = ${!appArmor}
enable_cdi = false
netns_mounts_under_state_dir = true
restrict_oom_score_adj = ${!mayRaiseOomScore}
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [${quoted(bundle.cniFolder)}]
conf_dir = ${quoted(folders.cniConfig)}
use_internal_loopback = true
[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
runtime_path = ${quoted(`${bundle.binFolder}/containerd-shim-runc-v2`)}
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = ${quoted(bundle.runc)}
Root = ${quoted(`${folders.run}/runc`)}
SystemdCgroup = false

# Without this plugin CRI does not start; an empty folder verifies nothing.
[plugins."io.containerd.image-verifier.v1.bindir"]
bin_dir = ""

# Another containerd on the same folder then ends with a message instead of waiting for ever.
[timeouts]
"io.containerd.timeout.bolt.open" = "5s"
`;
}

/** A TOML string; its escapes are JSON's. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
