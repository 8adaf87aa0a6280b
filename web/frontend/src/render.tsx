import { type ComponentType, StrictMode } from "react";
import { createRoot } from "react-dom/client";

/** Puts the component into `element`, in place of what Django wrote there. */
export function render(element: Element, Component: ComponentType<object>, props: object): void {
  createRoot(element).render(
    <StrictMode>
      <Component {...props} />
    </StrictMode>,
  );
}
