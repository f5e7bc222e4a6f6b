/** Network links, addresses and routes of this machine, by ip(8) of the bundle. */
import { run } from "./processes.ts";

export interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  /** Such as `bridge`, `veth`, `vxlan`; absent for the machine's own. */
  readonly kind?: string;
  readonly up: boolean;
  /** The bridge it is a port of. */
  readonly bridge?: string;
  /** Of a bridge's port: whether what came in there may go out there. */
  readonly hairpin?: boolean;
}

export interface Address {
  readonly ifname: string;
  readonly family: "inet" | "inet6";
  readonly local: string;
  readonly prefixLength: number;
}

export interface Route {
  /** A range, or `default`. */
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_kind?: string;
    readonly info_slave_data?: { readonly hairpin?: boolean };
  };
  readonly addr_info?: readonly {
    readonly family: Address["family"];
    readonly local?: string;
    readonly prefixlen: number;
  }[];
}

const answerMs = 30_000;

export class Links {
  private readonly program: string;

  /** @param program The bundle's ip. */
  constructor(program: string) {
    this.program = program;
  }

  async list(): Promise<readonly Link[]> {
    return (await this.read<IpLink>(["-d", "link", "show"])).map(
      ({ ifname, ifindex, mtu, flags, master, linkinfo }) => ({
        ifname,
        ifindex,
        mtu,
        ...(linkinfo?.info_kind !== undefined && { kind: linkinfo.info_kind }),
        up: flags.includes("UP"),
        ...(master !== undefined && linkinfo?.info_slave_kind === "bridge" && { bridge: master }),
        ...(linkinfo?.info_slave_data?.hairpin !== undefined && { hairpin: linkinfo.info_slave_data.hairpin }),
      }),
    );
  }

  async addresses(): Promise<readonly Address[]> {
    return (await this.read<IpLink>(["addr", "show"])).flatMap(({ ifname, addr_info = [] }) =>
      addr_info.flatMap(({ family, local, prefixlen }) =>
        local === undefined ? [] : [{ ifname, family, local, prefixLength: prefixlen }],
      ),
    );
  }

  /** @param protocol Only those that were made with this mark. */
  routes(family: "inet" | "inet6" = "inet", protocol?: string): Promise<readonly Route[]> {
    const which = protocol === undefined ? [] : ["proto", protocol];
    return this.read<Route>([family === "inet" ? "-4" : "-6", "route", "show", ...which]);
  }

  /** The address this machine is reached at: that of its default route, or undefined without one. */
  async defaultAddress(family: "inet" | "inet6" = "inet"): Promise<string | undefined> {
    const route = (await this.routes(family)).find(({ dst }) => dst === "default");
    const address = (await this.addresses()).find(
      (one) => one.ifname === route?.dev && one.family === family && !one.local.startsWith("fe80:"),
    );
    return address?.local;
  }

  /**
   * Makes changes in ip's language, one a line (`link add vx0 type vxlan …`), up to the first that fails.
   *
   * @throws CommandError with the number of that line.
   */
  async apply(lines: readonly string[], signal?: AbortSignal): Promise<void> {
    await run(this.program, ["-batch", "-"], {
      timeoutMs: answerMs,
      input: `${lines.join("\n")}\n`,
      ...(signal && { signal }),
    });
  }

  /** Removes a link, and with it its addresses and routes. One that is not there is no error. */
  async remove(ifname: string): Promise<void> {
    if ((await this.list()).some((link) => link.ifname === ifname)) await this.apply([`link delete dev ${ifname}`]);
  }

  private async read<T>(args: readonly string[]): Promise<readonly T[]> {
    const text = await run(this.program, ["-j", ...args], { timeoutMs: answerMs });
    // The form is ip's own; an empty answer stands for an empty list.
    return text.trim() === "" ? [] : (JSON.parse(text) as T[]);
  }
}
