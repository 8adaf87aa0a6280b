// Keeps the parts of the page about operations up to date.
// A part is an element with data-part="URL of its contents" and data-interval="seconds between updates".

const TIMEOUT = 10_000; // milliseconds for one answer
const LONGEST_PAUSE = 30_000; // while the site does not answer

const news = document.getElementById("operations-news");

/** Shows a message of the element's data, or hides it. */
function announce(message) {
  const text = message ? news.dataset[message] : "";
  if (news.textContent !== text) news.textContent = text;
  news.hidden = !text;
}

/** Returns "ok" and the contents; "signedOut"; "database" or "away" if they cannot be had. */
async function load(address) {
  try {
    const options = { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) };
    const response = await fetch(address, options);
    if (response.type === "opaqueredirect" || response.status === 403) return ["signedOut", ""];
    if (response.status === 503) return ["database", ""];
    return response.ok ? ["ok", await response.text()] : ["away", ""];
  } catch {
    return ["away", ""];
  }
}

/** Replaces the contents, unless someone is using them: an open question or the focus stays. */
function show(part, contents) {
  if (part.querySelector("details[open]") || part.contains(document.activeElement)) return;
  const text = contents.trim();
  const known = text.replaceAll(/name="csrfmiddlewaretoken" value="\w+"/g, ""); // differs in every answer
  if (part.shown === known) return;
  part.shown = known;
  part.innerHTML = text;
}

function whenVisible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

async function watch(part) {
  const interval = 1000 * Number(part.dataset.interval);
  let pause = interval;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    await whenVisible();
    const [result, contents] = await load(part.dataset.part);
    part.classList.toggle("outdated", result !== "ok");
    if (result === "ok") show(part, contents);
    if (result === "signedOut") return announce("signedOut");
    if (part.dataset.part.endsWith("/summary/")) announce(result === "ok" ? "" : result);
    pause = result === "ok" ? interval : Math.min(pause * 2, Math.max(interval, LONGEST_PAUSE));
  }
}

for (const part of document.querySelectorAll("[data-part]")) watch(part);
