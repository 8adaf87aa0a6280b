/**
 * Runs `task` now, and again `interval` milliseconds after it ends, while the page is visible. Returns a function that stops it.
 * The task's signal is aborted when the page is hidden or polling stops. The task must not reject.
 */
export function pollWhileVisible(
  task: (signal: AbortSignal) => Promise<void>,
  interval: number,
): () => void {
  let timer: number | undefined;
  let running = new AbortController();

  async function run(signal: AbortSignal): Promise<void> {
    await task(signal);
    if (!signal.aborted) timer = window.setTimeout(run, interval, signal);
  }

  function pause(): void {
    window.clearTimeout(timer);
    running.abort();
  }

  function follow(): void {
    pause();
    if (document.hidden) return;
    running = new AbortController();
    void run(running.signal);
  }

  document.addEventListener("visibilitychange", follow);
  follow();
  return () => {
    document.removeEventListener("visibilitychange", follow);
    pause();
  };
}
