// Updates the runs of background tasks on a page while one is unfinished.
// A run is an element with data-task-run="URL of its JSON"; see templates/operations/task_run.html.

const PAUSE = 1000; // milliseconds between requests
const LONGEST_PAUSE = 15000; // while the site does not answer

const BADGES = { succeeded: "badge--success", failed: "badge--danger", running: "badge--warning", queued: "" };

const news = document.getElementById("task-news");

/** Returns the run as JSON, or null if it is no longer visible (logged out, deleted). Throws while the site is unavailable. */
async function fetchRun(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" }, redirect: "manual" });
  if (response.type === "opaqueredirect" || (response.status >= 400 && response.status < 500)) return null;
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  return response.json();
}

function show(row, run) {
  const state = row.querySelector("[data-state]");
  if (state.textContent !== run.state_label) {
    news.textContent = `${run.title}: ${run.state_label}`; // for screen readers: changes of state, not each percent
  }
  state.textContent = run.state_label;
  state.className = `badge ${BADGES[run.state]}`;
  row.querySelector("progress").value = run.percent;
  row.querySelector("[data-message]").textContent = run.error || run.message;
  row.querySelector("[data-finished]").textContent = run.finished_label;
  if (!run.can_be_canceled) row.querySelector("[data-cancel]")?.remove();
}

async function refresh(row) {
  const run = await fetchRun(row.dataset.taskRun);
  if (run) show(row, run);
  if (!run || run.finished) delete row.dataset.taskRun;
}

function whenVisible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

async function watch() {
  let pause = PAUSE;
  for (;;) {
    const rows = document.querySelectorAll("[data-task-run]");
    if (rows.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
    await whenVisible();
    const results = await Promise.allSettled([...rows].map(refresh));
    const away = results.some((result) => result.status === "rejected");
    pause = away ? Math.min(pause * 2, LONGEST_PAUSE) : PAUSE;
  }
}

watch();
