const TIMEOUT_MS = 10_000;

/** Returns the JSON that `url` answers, and whether the request was accepted. Rejects if the answer is no JSON of the site. */
export async function requestJson<Answer>(
  url: string,
  options: RequestInit = {},
): Promise<{ ok: boolean; answer: Answer }> {
  const signals = [AbortSignal.timeout(TIMEOUT_MS), ...(options.signal ? [options.signal] : [])];
  const response = await fetch(url, {
    ...options,
    headers: { Accept: "application/json", ...options.headers },
    redirect: "error", // to the login page, after signing out
    signal: AbortSignal.any(signals),
  });
  if (!response.ok && response.status !== 400)
    throw new Error(`${url} answered ${response.status}`);
  return { ok: response.ok, answer: await response.json() };
}
