import { type SubmitEvent, useEffect, useRef, useState } from "react";
import { requestJson } from "./request";
import { announceRun, type Run } from "./runs";

interface StartTaskProps {
  action: string;
  token: string;
  field: { name: string; label: string; value: string | number; min: number; max: number };
  labels: { start: string; started: string; failed: string };
}

interface News {
  kind: "success" | "error";
  text: string;
}

/** A form that is sent without leaving the page. The server checks it: its errors are shown at the field. */
export default function StartTask({ action, token, field, labels }: StartTaskProps) {
  const [errors, setErrors] = useState<readonly string[]>([]);
  const [news, setNews] = useState<News | null>(null);
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    if (errors.length > 0) input.current?.focus();
  }, [errors]);

  async function send(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return; // a second click starts no second task
    setBusy(true);
    setNews(null);
    try {
      const body = new FormData(event.currentTarget);
      const headers = { "X-CSRFToken": token };
      const { ok, answer } = await requestJson<Run & { errors?: Record<string, string[]> }>(
        action,
        {
          method: "POST",
          body,
          headers,
        },
      );
      setErrors(Object.values(answer.errors ?? {}).flat());
      if (ok) {
        setNews({ kind: "success", text: labels.started });
        announceRun(answer);
      }
    } catch {
      setNews({ kind: "error", text: labels.failed });
    } finally {
      setBusy(false);
    }
  }

  return (
    <form method="post" action={action} onSubmit={send} noValidate>
      <div className="field">
        <label htmlFor="start-task">{field.label}</label>
        <input
          ref={input}
          id="start-task"
          name={field.name}
          type="number"
          min={field.min}
          max={field.max}
          defaultValue={field.value}
          required
          aria-invalid={errors.length > 0}
          aria-describedby="start-task-error"
        />
        <ul className="errorlist" id="start-task-error">
          {errors.map((error) => (
            <li key={error}>{error}</li>
          ))}
        </ul>
      </div>
      <div className="actions">
        <button type="submit" className="button" aria-disabled={busy}>
          {labels.start}
        </button>
      </div>
      <div className="toasts" role="status">
        {news && <p className={`message message--${news.kind} toast`}>{news.text}</p>}
      </div>
    </form>
  );
}
