import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HealthServer } from "../testing/health_server";
import DocumentTable from "./DocumentTable";
import type { Run } from "./runs";
import StartTask from "./StartTask";
import TaskChart from "./TaskChart";
import TaskProgress from "./TaskProgress";

let server: HealthServer;

beforeEach(async () => {
  server = await new HealthServer().start();
});

afterEach(async () => {
  cleanup();
  window.history.replaceState(null, "", "/");
  await server.stop();
});

function run(changes: Partial<Run> = {}): Run {
  const queued = { name: "Today", state: "queued", state_label: "Queued", percent: 0 } as const;
  return { url: server.url, ...queued, ...changes };
}

function startTask() {
  const field = { name: "seconds", label: "Seconds", value: 20, min: 1, max: 600 };
  const labels = { start: "Start", started: "Queued.", failed: "No answer." };
  return <StartTask action={server.url} token="t" field={field} labels={labels} />;
}

const PROGRESS = { empty: "Nothing runs.", title: "Progress" };

describe("StartTask", () => {
  it("shows the server's errors at the field, and moves the focus there", async () => {
    server.answerWith(400, { errors: { seconds: ["Too long."] } });
    render(startTask());
    fireEvent.click(screen.getByRole("button"));

    const field = screen.getByLabelText("Seconds");
    await waitFor(() => expect(document.activeElement).toBe(field));
    expect(field.getAttribute("aria-invalid")).toBe("true");
    const described = field.getAttribute("aria-describedby") ?? "";
    expect(document.getElementById(described)?.textContent).toBe("Too long.");
  });

  it.each([
    ["an error page", 502],
    ["no permission", 403],
  ])(
    "says that the site does not answer after %s, and can be sent again",
    async (_name, status) => {
      server.answerWith(status, "<h1>Error</h1>");
      render(startTask());
      fireEvent.click(screen.getByRole("button"));
      await screen.findByText("No answer.");

      server.answerWith(201, run());
      fireEvent.click(screen.getByRole("button"));
      await screen.findByText("Queued.");
      expect(screen.queryByText("No answer.")).toBeNull();
    },
  );

  it("sends one request however often it is clicked", async () => {
    server.neverAnswer();
    const requested = server.nextRequest();
    render(startTask());
    fireEvent.click(screen.getByRole("button"));
    await waitFor(() =>
      expect(screen.getByRole("button").getAttribute("aria-disabled")).toBe("true"),
    );
    fireEvent.click(screen.getByRole("button"));
    await requested;
    expect(server.requests).toBe(1);
  });
});

describe("TaskProgress", () => {
  it("follows a run that the form has started, to its end", async () => {
    server.answerWith(201, run());
    render(
      <>
        {startTask()}
        <TaskProgress runs={[]} interval_ms={5} labels={PROGRESS} />
      </>,
    );
    screen.getByText("Nothing runs.");
    fireEvent.click(screen.getByRole("button"));
    const bar = await screen.findByRole<HTMLProgressElement>("progressbar", {
      name: /Progress: Today/,
    });

    server.answerWith(200, run({ state: "running", state_label: "Running", percent: 40 }));
    await waitFor(() => expect(bar.value).toBe(40));
    server.answerWith(502, "<h1>Bad gateway</h1>");
    await server.nextRequest();
    expect(bar.value).toBe(40);
    server.answerWith(200, run({ state: "succeeded", state_label: "Succeeded", percent: 100 }));
    await screen.findByText("Succeeded");
    const { requests } = server;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.requests).toBe(requests);
  });
});

describe("DocumentTable", () => {
  const labels = {
    search: "Search",
    name: "Name",
    size: "Size",
    uploaded: "Uploaded",
    newer: "Newer",
    older: "Older",
    pages: "Pages",
    page: "Page {number} of {pages}",
    empty: "None.",
    failed: "No answer.",
  };
  const file = { id: 1, name: "<b>a</b>.txt", url: "/a", size: "1 KB", uploaded: "today" };
  const first = { query: "", errors: [], count: "31", number: 1, pages: 4, documents: [file] };

  function table() {
    render(<DocumentTable url={server.url} first={first} delay_ms={1} labels={labels} />);
  }

  it("shows what the page came with, and requests nothing", async () => {
    table();
    expect(screen.getByRole("link").textContent).toBe("<b>a</b>.txt");
    screen.getByText("Page 1 of 4");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(server.requests).toBe(0);
  });

  it("searches while one types, says how many there are, and keeps the search in the address", async () => {
    server.answerWith(200, { ...first, query: "x", count: "0", pages: 1, documents: [] });
    table();
    fireEvent.change(screen.getByLabelText("Search"), { target: { value: "x" } });

    await screen.findByText("None.");
    expect(screen.getByRole("status").textContent).toBe("0");
    expect(window.location.search).toBe("?q=x&page=1");
    expect(screen.queryByRole("navigation")).toBeNull();
  });

  it("turns pages; there is none before the first", async () => {
    server.answerWith(200, { ...first, number: 2 });
    table();
    fireEvent.click(screen.getByText("Newer"));
    fireEvent.click(screen.getByText("Older"));
    await screen.findByText("Page 2 of 4");
    expect(server.requests).toBe(1);
  });

  it.each([
    ["an invalid search", 200, { ...first, errors: ["Too long."] }, "Too long."],
    ["a site that is away", 502, "<h1>Bad gateway</h1>", "No answer."],
  ])("reports %s", async (_name, status, answer, text) => {
    server.answerWith(status, answer);
    table();
    fireEvent.change(screen.getByLabelText("Search"), { target: { value: "x" } });
    await waitFor(() => expect(screen.getByRole("status").textContent).toBe(text));
  });
});

describe("TaskChart", () => {
  const bar = { name: "Monday", state: "failed", state_label: "Failed", value: 0, text: "0 s" };

  it("names its last value, and explains each bar", () => {
    const bars = [bar, { ...bar, name: "Tuesday", value: 8, text: "8 s" }];
    render(<TaskChart title="Duration" bars={bars} />);
    screen.getByRole("img", { name: "Duration. Tuesday: 8 s" });
    screen.getByText("Monday: 0 s, Failed");
  });

  it.each([[[]], [[bar]]])("draws %j", (bars) => {
    render(<TaskChart title="Duration" bars={bars} />);
    expect(screen.getByRole("img").innerHTML).not.toContain("NaN");
  });
});
