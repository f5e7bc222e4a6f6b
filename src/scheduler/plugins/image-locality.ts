/** A node is better when it has the pod's images, the more of them and the larger. */
import { scoreMax, type Scorer } from "../plugin.ts";

const mebibyte = 1024 * 1024;
// Below this, fetching the image costs about nothing; above the other, having it counts in full.
const leastBytes = 23 * mebibyte;
const mostBytesPerImage = 1000 * mebibyte;

export const imageLocality: Scorer = ({ pod }, { snapshot }, nodes) => {
  const { containers, initContainers = [], volumes = [] } = pod.spec;
  const wanted = [
    ...[...initContainers, ...containers].map(({ image }) => image),
    ...volumes.map(({ image }) => image?.reference),
  ];
  const names = wanted.flatMap((name) => (name === undefined || name === "" ? [] : withTag(name)));
  // An image that no node has says nothing about any node.
  const present = names.filter((name) => snapshot.imageNodes.has(name));
  if (present.length === 0) return undefined;
  const mostBytes = mostBytesPerImage * names.length;
  return nodes.map((node) => {
    // What only a few nodes have counts less, so that they do not draw every pod to them.
    const bytes = present.reduce((sum, name) => {
      const spread = (snapshot.imageNodes.get(name) ?? 0) / snapshot.nodes.size;
      return sum + Math.trunc((node.images.get(name) ?? 0) * spread);
    }, 0);
    const counted = Math.min(Math.max(bytes, leastBytes), mostBytes);
    return Math.trunc((scoreMax * (counted - leastBytes)) / (mostBytes - leastBytes));
  });
};

function withTag(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}
