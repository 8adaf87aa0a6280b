import type { ComponentType } from "react";

// `never`: a component with any props. They are JSON from a template, which TypeScript cannot check.
type Loader = () => Promise<{ default: ComponentType<never> }>;

/** The loader of each component, by its name in templates. */
export type Registry = Readonly<Record<string, Loader>>;

/** Renders every `data-component` element under `root`. One that fails is reported on the console, and keeps Django's content. */
export async function mountComponents(root: ParentNode, registry: Registry): Promise<void> {
  const elements = root.querySelectorAll<HTMLElement>("[data-component]");
  await Promise.all(Array.from(elements, (element) => mountOrReport(element, registry)));
}

async function mountOrReport(element: HTMLElement, registry: Registry): Promise<void> {
  try {
    await mount(element, registry);
  } catch (error) {
    console.error(`Could not mount the component "${element.dataset.component}":`, error);
  }
}

async function mount(element: HTMLElement, registry: Registry): Promise<void> {
  const props = readProps(element);
  const load = findLoader(element, registry);
  // React is imported here, so that pages without components do not load it.
  const [component, { render }] = await Promise.all([load(), import("./render")]);
  render(element, component.default as ComponentType<object>, props);
}

function findLoader(element: HTMLElement, registry: Registry): Loader {
  const name = element.dataset.component ?? "";
  const loader = Object.hasOwn(registry, name) ? registry[name] : undefined;
  if (loader === undefined) {
    const known = Object.keys(registry).join(", ");
    throw new Error(
      `no component has this name. Add its file to src/components, or use one of: ${known}.`,
    );
  }
  return loader;
}

function readProps(element: HTMLElement): object {
  const json = element.dataset.props ?? "{}";
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`data-props is not JSON: ${json}`, { cause: error });
  }
}
