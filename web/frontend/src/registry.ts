import type { Registry } from "./mount";

/** The components for `data-component`. Each is a separate file, loaded by the pages that use it. */
export const registry: Registry = {
  StackStatus: () => import("./components/StackStatus"),
};
