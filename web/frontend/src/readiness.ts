import { useEffect, useState } from "react";
import { pollWhileVisible } from "./polling";

/** The status of a service in the response of /health/services. */
export interface Check {
  status: "ok" | "unavailable";
  duration_ms?: number;
  error?: string;
}

export type Checks = Readonly<Record<string, Check>>;

/** The state of the stack: `ok` and `degraded` come from the endpoint, `unreachable` means that it does not answer. */
export interface Readiness {
  state: "loading" | "ok" | "degraded" | "unreachable";
  checks: Checks;
}

const TIMEOUT_MS = 10_000;

/** Returns the readiness that `url` reports, updated every `interval` milliseconds while the page is visible. */
export function useReadiness(url: string, interval: number): Readiness {
  const [readiness, setReadiness] = useState<Readiness>({ state: "loading", checks: {} });

  useEffect(
    () =>
      pollWhileVisible(async (signal) => {
        const answer = await fetchReadiness(url, signal);
        if (!signal.aborted) setReadiness(answer);
      }, interval),
    [url, interval],
  );

  return readiness;
}

/** Returns the answer of `url`. Anything but the endpoint's JSON (no network, a proxy's error page) is `unreachable`. */
async function fetchReadiness(url: string, signal: AbortSignal): Promise<Readiness> {
  try {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(url, { cache: "no-store", signal: timeout });
    return readAnswer(await response.json());
  } catch {
    return { state: "unreachable", checks: {} };
  }
}

function readAnswer(answer: { status?: unknown; checks?: Checks }): Readiness {
  if (typeof answer.status !== "string") throw new TypeError("not an answer of /health/services");
  // Only staff get the checks, and not while the database is unavailable, as it has the users.
  return { state: answer.status === "ok" ? "ok" : "degraded", checks: answer.checks ?? {} };
}
