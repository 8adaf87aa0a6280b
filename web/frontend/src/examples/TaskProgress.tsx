import "./examples.scss";
import { useEffect, useState } from "react";
import { pollWhileVisible } from "../polling";
import { requestJson } from "./request";
import { onRunStarted, type Run } from "./runs";

interface TaskProgressProps {
  runs: readonly Run[];
  interval_ms?: number;
  labels: { empty: string; title: string };
}

const BADGES = {
  queued: "",
  running: "badge--warning",
  succeeded: "badge--success",
  failed: "badge--danger",
};

/** The progress of the user's tasks, and of those that are started on this page. */
export default function TaskProgress({ runs, interval_ms = 1000, labels }: TaskProgressProps) {
  const [shown, setShown] = useState(runs);
  useEffect(() => onRunStarted((run) => setShown((before) => [run, ...before])), []);

  if (shown.length === 0) return <p className="empty">{labels.empty}</p>;
  return shown.map((run) => (
    <Progress key={run.url} run={run} interval={interval_ms} title={labels.title} />
  ));
}

function Progress({ run, interval, title }: { run: Run; interval: number; title: string }) {
  const [latest, setLatest] = useState<Run>(run);
  const finished = latest.state === "succeeded" || latest.state === "failed";

  useEffect(() => {
    if (finished) return;
    return pollWhileVisible(async (signal) => {
      try {
        const { answer } = await requestJson<Run>(run.url, { signal });
        setLatest((before) => ({ ...before, ...answer, name: run.name }));
      } catch {
        // The last known progress stays, until the site answers again.
      }
    }, interval);
  }, [run, finished, interval]);

  return (
    <div className="example-progress">
      <span>{latest.name}</span>
      <span className={`badge ${BADGES[latest.state]}`} role="status">
        {latest.state_label}
      </span>
      <progress max={100} value={latest.percent} aria-label={`${title}: ${latest.name}`} />
    </div>
  );
}
