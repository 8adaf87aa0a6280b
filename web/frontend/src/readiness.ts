import { useEffect, useState } from "react";
import { pollWhileVisible } from "./polling";

/** One service, as /health/ready reports it. */
export interface Check {
  status: "ok" | "unavailable";
  duration_ms?: number;
  error?: string;
}

export type Checks = Readonly<Record<string, Check>>;

/** What the page knows of the stack: `ok` and `degraded` come from the endpoint, `unreachable` is its silence. */
export interface Readiness {
  state: "loading" | "ok" | "degraded" | "unreachable";
  checks: Checks;
}

const LONGEST_WAIT_MS = 10_000;

/** The readiness that `url` reports, asked again every `interval` milliseconds while the page is visible. */
export function useReadiness(url: string, interval: number): Readiness {
  const [readiness, setReadiness] = useState<Readiness>({ state: "loading", checks: {} });

  useEffect(
    () =>
      pollWhileVisible(async (signal) => {
        const answer = await askReadiness(url, signal);
        if (!signal.aborted) setReadiness(answer);
      }, interval),
    [url, interval],
  );

  return readiness;
}

/** The answer of `url`; anything but the endpoint's JSON (no network, a proxy's error page) is `unreachable`. */
async function askReadiness(url: string, signal: AbortSignal): Promise<Readiness> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_WAIT_MS)]);
    const response = await fetch(url, { cache: "no-store", signal: patience });
    return readAnswer(await response.json());
  } catch {
    return { state: "unreachable", checks: {} };
  }
}

function readAnswer(answer: { status?: unknown; checks?: Checks }): Readiness {
  if (typeof answer.status !== "string") throw new TypeError("not an answer of /health/ready");
  // Strangers are not told of the services; nor is staff while the database, which knows who they are, is away.
  return { state: answer.status === "ok" ? "ok" : "degraded", checks: answer.checks ?? {} };
}
