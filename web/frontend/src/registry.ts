import type { Registry } from "./mount";

/** What a template can name in `data-component`. Each is its own file, fetched by the pages that use it. */
export const registry: Registry = {
  StackStatus: () => import("./components/StackStatus"),
};
