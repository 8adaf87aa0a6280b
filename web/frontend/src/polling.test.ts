import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pollWhileVisible } from "./polling";
import { setHidden } from "./testing/visibility";

const INTERVAL = 1000;

describe("pollWhileVisible", () => {
  const task = vi.fn<(signal: AbortSignal) => Promise<void>>();
  let stop = (): void => undefined;

  beforeEach(() => {
    vi.useFakeTimers();
    task.mockReset().mockResolvedValue();
  });

  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it("runs at once, and again after each interval", async () => {
    stop = pollWhileVisible(task, INTERVAL);
    expect(task).toHaveBeenCalledTimes(1);

    await vi.advanceTimersByTimeAsync(3 * INTERVAL);
    expect(task).toHaveBeenCalledTimes(4);
  });

  it("waits for a slow run to end before it starts the next", async () => {
    let finish = (): void => undefined;
    task.mockReturnValueOnce(new Promise((resolve) => (finish = resolve)));
    stop = pollWhileVisible(task, INTERVAL);

    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(task).toHaveBeenCalledTimes(1);

    finish();
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(task).toHaveBeenCalledTimes(2);
  });

  it("aborts and pauses when the page is hidden, and runs at once when it is shown", async () => {
    stop = pollWhileVisible(task, INTERVAL);
    await vi.advanceTimersByTimeAsync(INTERVAL);
    setHidden(true);

    expect(task.mock.lastCall?.[0].aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(task).toHaveBeenCalledTimes(2);

    setHidden(false);
    expect(task).toHaveBeenCalledTimes(3);
    expect(task.mock.lastCall?.[0].aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(task).toHaveBeenCalledTimes(4);
  });

  it("does not start in a hidden page", () => {
    setHidden(true);
    stop = pollWhileVisible(task, INTERVAL);
    expect(task).not.toHaveBeenCalled();
  });

  it("aborts and never runs again once stopped", async () => {
    stop = pollWhileVisible(task, INTERVAL);
    stop();
    expect(task.mock.lastCall?.[0].aborted).toBe(true);

    setHidden(false);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(task).toHaveBeenCalledTimes(1);
  });
});
