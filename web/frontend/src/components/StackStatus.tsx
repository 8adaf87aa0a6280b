import { type Check, useReadiness } from "../readiness";

/** Texts, translated by Django. `checks` has the names of the services: `{"database": "Base de données"}`. */
interface Labels {
  loading: string;
  ok: string;
  degraded: string;
  unreachable: string;
  check_ok: string;
  check_unavailable: string;
  checks: Readonly<Record<string, string>>;
}

interface StackStatusProps {
  url: string;
  interval_ms?: number;
  labels?: Partial<Labels>;
}

const ENGLISH: Labels = {
  loading: "Checking the services…",
  ok: "Every service answers.",
  degraded: "Some services do not answer.",
  unreachable: "The site does not answer. Trying again…",
  check_ok: "answers",
  check_unavailable: "does not answer",
  checks: {},
};

const SYMBOLS = { loading: "…", ok: "✓", degraded: "!", unreachable: "✕" };

/** Shows whether each service of the site answers, updated while the page is visible. */
export default function StackStatus({ url, interval_ms = 5000, labels }: StackStatusProps) {
  const { state, checks } = useReadiness(url, interval_ms);
  const texts = { ...ENGLISH, ...labels };

  return (
    <div className={`stack-status stack-status--${state}`}>
      {/* Only this line is a live region: a screen reader hears changes, not every new duration. */}
      <p className="stack-status__summary" role="status">
        <span className="stack-status__symbol" aria-hidden="true">
          {SYMBOLS[state]}
        </span>
        {texts[state]}
      </p>
      <ul className="stack-status__checks">
        {Object.entries(checks).map(([name, check]) => (
          <Service key={name} name={texts.checks[name] ?? name} check={check} texts={texts} />
        ))}
      </ul>
    </div>
  );
}

function Service({ name, check, texts }: { name: string; check: Check; texts: Labels }) {
  const answers = check.status === "ok";
  return (
    <li className={`stack-status__check stack-status__check--${check.status}`}>
      <span className="stack-status__name">{name}</span>
      <span className="stack-status__answer">
        <span aria-hidden="true">{answers ? SYMBOLS.ok : SYMBOLS.unreachable}</span>{" "}
        {answers ? texts.check_ok : texts.check_unavailable}
      </span>
      <span className="stack-status__detail">
        {check.error ?? formatDuration(check.duration_ms)}
      </span>
    </li>
  );
}

/** "1.2 ms", in the language of the page. */
function formatDuration(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "";
  const language = document.documentElement.lang || undefined;
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: "millisecond",
    maximumFractionDigits: 1,
  }).format(milliseconds);
}
