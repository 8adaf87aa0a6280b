import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HealthServer } from "../testing/health_server";
import { setHidden } from "../testing/visibility";
import StackStatus from "./StackStatus";

const OK = {
  status: "ok",
  checks: {
    database: { status: "ok", duration_ms: 1.23 },
    broker: { status: "ok", duration_ms: 0.4 },
  },
};

const BROKER_DOWN = {
  status: "unavailable",
  checks: {
    database: { status: "ok", duration_ms: 1.23 },
    broker: { status: "unavailable", error: "connection refused" },
  },
};

/** Resolves when the summary, the part that screen readers announce, contains `text`. */
function waitForSummary(text: string): Promise<void> {
  return waitFor(() => expect(screen.getByRole("status").textContent).toContain(text));
}

function service(name: string): string | null {
  const found = screen.getAllByRole("listitem").find((item) => within(item).queryByText(name));
  return found?.textContent ?? null;
}

describe("StackStatus", () => {
  let server: HealthServer;

  beforeEach(async () => {
    server = await new HealthServer().start();
  });

  afterEach(async () => {
    cleanup();
    document.documentElement.lang = "";
    await server.stop();
  });

  it("shows that it is checking until the first answer", async () => {
    const requested = server.nextRequest();
    render(<StackStatus url={server.url} />);
    await requested;

    await waitForSummary("Checking the services…");
    expect(screen.queryAllByRole("listitem")).toEqual([]);
  });

  it("lists each service with its answer and duration when every service answers", async () => {
    server.answerWith(200, OK);
    render(<StackStatus url={server.url} />);

    await waitForSummary("Every service answers.");
    expect(service("database")).toMatch(/answers.*1\.2 ms/);
    expect(service("broker")).toMatch(/answers.*0\.4 ms/);
  });

  it("names the unavailable service and the error", async () => {
    server.answerWith(503, BROKER_DOWN);
    render(<StackStatus url={server.url} />);

    await waitForSummary("Some services do not answer.");
    expect(service("broker")).toMatch(/does not answer.*connection refused/);
    expect(service("database")).not.toMatch(/does not answer/);
  });

  it("shows an error even without a list of services", async () => {
    server.answerWith(503, { status: "unavailable" });
    render(<StackStatus url={server.url} />);

    await waitForSummary("Some services do not answer.");
    expect(screen.queryAllByRole("listitem")).toEqual([]);
  });

  it("shows that the site is unreachable when the server is down", async () => {
    const { url } = server;
    await server.stop();
    render(<StackStatus url={url} />);

    await waitForSummary("The site does not answer.");
  });

  it.each([
    ["a proxy's error page", "<h1>Starting</h1>"],
    ["JSON of something else", { detail: "throttled" }],
  ])("shows that the site is unreachable when the answer is %s", async (_name, body) => {
    server.answerWith(503, body);
    render(<StackStatus url={server.url} />);

    await waitForSummary("The site does not answer.");
  });

  it("follows the stack: degraded, unreachable, and ok again", async () => {
    server.answerWith(503, BROKER_DOWN);
    render(<StackStatus url={server.url} interval_ms={5} />);
    await waitForSummary("Some services do not answer.");

    server.answerWith(502, "<h1>Bad gateway</h1>");
    await waitForSummary("The site does not answer.");
    expect(screen.queryAllByRole("listitem")).toEqual([]);

    server.answerWith(200, OK);
    await waitForSummary("Every service answers.");
    expect(service("broker")).not.toMatch(/does not answer|refused/);
  });

  it("aborts its request and stops polling when it is removed", async () => {
    server.neverAnswer();
    const requested = server.nextRequest();
    const { unmount } = render(<StackStatus url={server.url} interval_ms={1} />);
    const { hungUp } = await requested;

    unmount();
    await hungUp;
    expect(server.requests).toBe(1);
  });

  it("aborts its request when the page is hidden, repeats it when shown, and keeps the last answer", async () => {
    server.answerWith(200, OK);
    render(<StackStatus url={server.url} interval_ms={1} />);
    await waitForSummary("Every service answers.");

    server.neverAnswer();
    const { hungUp } = await server.nextRequest();
    setHidden(true);
    await hungUp;

    const requestedAgain = server.nextRequest();
    setHidden(false);
    await requestedAgain;
    await waitForSummary("Every service answers.");
  });

  it("uses the language of the page", async () => {
    document.documentElement.lang = "fr";
    server.answerWith(200, OK);
    const labels = {
      ok: "Tout répond.",
      check_ok: "répond",
      checks: { database: "Base de données" },
    };
    render(<StackStatus url={server.url} labels={labels} />);

    await waitForSummary("Tout répond.");
    expect(service("Base de données")).toMatch(/répond.*1,2\sms/);
    expect(service("broker")).not.toBeNull();
  });
});
