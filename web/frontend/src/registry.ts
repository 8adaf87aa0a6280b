import type { Registry } from "./mount";

const files = import.meta.glob<{ default: never }>(["./*/*.tsx", "!./*/*.test.tsx"]);

/** The components for `data-component`, by the names of their files. Each is loaded by the pages that use it. */
export const registry: Registry = Object.fromEntries(
  Object.entries(files).map(([path, load]) => [path.replace(/.*\/|\.tsx$/g, ""), load]),
);
