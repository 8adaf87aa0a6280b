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

const BROKER_AWAY = {
  status: "unavailable",
  checks: {
    database: { status: "ok", duration_ms: 1.23 },
    broker: { status: "unavailable", error: "connection refused" },
  },
};

/** Resolves when the summary, the part that screen readers announce, says `text`. */
function summaryToSay(text: string): Promise<void> {
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

  it("says that it is checking until the first answer", async () => {
    const asked = server.nextRequest();
    render(<StackStatus url={server.url} />);
    await asked;

    await summaryToSay("Checking the services…");
    expect(screen.queryAllByRole("listitem")).toEqual([]);
  });

  it("lists each service with its answer and duration when all is well", async () => {
    server.answerWith(200, OK);
    render(<StackStatus url={server.url} />);

    await summaryToSay("Every service answers.");
    expect(service("database")).toMatch(/answers.*1\.2 ms/);
    expect(service("broker")).toMatch(/answers.*0\.4 ms/);
  });

  it("names, in words, the service that is away, and why", async () => {
    server.answerWith(503, BROKER_AWAY);
    render(<StackStatus url={server.url} />);

    await summaryToSay("Some services do not answer.");
    expect(service("broker")).toMatch(/does not answer.*connection refused/);
    expect(service("database")).not.toMatch(/does not answer/);
  });

  it("says that something is away also when it is not told what", async () => {
    server.answerWith(503, { status: "unavailable" });
    render(<StackStatus url={server.url} />);

    await summaryToSay("Some services do not answer.");
    expect(screen.queryAllByRole("listitem")).toEqual([]);
  });

  it("says that the site is unreachable when nothing listens", async () => {
    const { url } = server;
    await server.stop();
    render(<StackStatus url={url} />);

    await summaryToSay("The site does not answer.");
  });

  it.each([
    ["a proxy's error page", "<h1>Starting</h1>"],
    ["JSON of something else", { detail: "throttled" }],
  ])("says that the site is unreachable when the answer is %s", async (_name, body) => {
    server.answerWith(503, body);
    render(<StackStatus url={server.url} />);

    await summaryToSay("The site does not answer.");
  });

  it("follows the stack: away, unreachable, and back", async () => {
    server.answerWith(503, BROKER_AWAY);
    render(<StackStatus url={server.url} interval_ms={5} />);
    await summaryToSay("Some services do not answer.");

    server.answerWith(502, "<h1>Bad gateway</h1>");
    await summaryToSay("The site does not answer.");
    expect(screen.queryAllByRole("listitem")).toEqual([]);

    server.answerWith(200, OK);
    await summaryToSay("Every service answers.");
    expect(service("broker")).not.toMatch(/does not answer|refused/);
  });

  it("hangs up and asks no more when it is removed", async () => {
    server.neverAnswer();
    const asked = server.nextRequest();
    const { unmount } = render(<StackStatus url={server.url} interval_ms={1} />);
    const { hungUp } = await asked;

    unmount();
    await hungUp;
    expect(server.requests).toBe(1);
  });

  it("hangs up when the page is hidden, asks when it is shown, and keeps the last answer meanwhile", async () => {
    server.answerWith(200, OK);
    render(<StackStatus url={server.url} interval_ms={1} />);
    await summaryToSay("Every service answers.");

    server.neverAnswer();
    const { hungUp } = await server.nextRequest();
    setHidden(true);
    await hungUp;

    const askedAgain = server.nextRequest();
    setHidden(false);
    await askedAgain;
    await summaryToSay("Every service answers.");
  });

  it("speaks the language of the page", async () => {
    document.documentElement.lang = "fr";
    server.answerWith(200, OK);
    const labels = {
      ok: "Tout répond.",
      check_ok: "répond",
      checks: { database: "Base de données" },
    };
    render(<StackStatus url={server.url} labels={labels} />);

    await summaryToSay("Tout répond.");
    expect(service("Base de données")).toMatch(/répond.*1,2\sms/);
    expect(service("broker")).not.toBeNull();
  });
});
