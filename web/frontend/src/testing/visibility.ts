import { vi } from "vitest";

/** Hides or shows the page as a browser does when its tab is left or chosen. */
export function setHidden(hidden: boolean): void {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  document.dispatchEvent(new Event("visibilitychange"));
}
