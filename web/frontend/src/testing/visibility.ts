import { vi } from "vitest";

/** Hides or shows the page, like a browser when the tab changes. */
export function setHidden(hidden: boolean): void {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  document.dispatchEvent(new Event("visibilitychange"));
}
