import { type ComponentType, StrictMode } from "react";
import { createRoot } from "react-dom/client";

/** Renders the component into `element`, and replaces its content. */
export function render(element: Element, Component: ComponentType<object>, props: object): void {
  createRoot(element).render(
    <StrictMode>
      <Component {...props} />
    </StrictMode>,
  );
}
