/** A run of a background task, as the site describes it. */
export interface Run {
  url: string;
  name: string;
  state: "queued" | "running" | "succeeded" | "failed";
  state_label: string;
  percent: number;
}

const STARTED = "run-started";

/** Tells the other components of the page that a run was started. */
export function announceRun(run: Run): void {
  document.dispatchEvent(new CustomEvent(STARTED, { detail: run }));
}

/** Calls `listener` for each run that is started on this page. Returns a function that stops it. */
export function onRunStarted(listener: (run: Run) => void): () => void {
  const handle = (event: Event) => listener((event as CustomEvent<Run>).detail);
  document.addEventListener(STARTED, handle);
  return () => document.removeEventListener(STARTED, handle);
}
