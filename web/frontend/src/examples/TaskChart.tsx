import "./examples.scss";

interface Bar {
  name: string;
  state: string;
  state_label: string;
  value: number;
  text: string;
}

const WIDTH = 20;
const HEIGHT = 100;

/** Bars of a value, drawn as SVG without a library. The table below it in the page has the same numbers, for everyone. */
export default function TaskChart({ bars, title }: { bars: readonly Bar[]; title: string }) {
  const largest = Math.max(...bars.map((bar) => bar.value), 0) || 1;
  const last = bars.at(-1);
  const longest = bars.find((bar) => bar.value === largest);
  return (
    <figure className="example-figure">
      <figcaption>
        {title} <span className="muted">{longest && `≤ ${longest.text}`}</span>
      </figcaption>
      <svg
        className="example-chart"
        role="img"
        viewBox={`0 0 ${bars.length * WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-label={last ? `${title}. ${last.name}: ${last.text}` : title}
      >
        {bars.map((bar, index) => {
          const height = Math.max((bar.value / largest) * HEIGHT, 1);
          return (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: the bars are never reordered
              key={index}
              className={`example-chart__bar example-chart__bar--${bar.state}`}
              x={index * WIDTH + 2}
              y={HEIGHT - height}
              width={WIDTH - 4}
              height={height}
            >
              <title>{`${bar.name}: ${bar.text}, ${bar.state_label}`}</title>
            </rect>
          );
        })}
      </svg>
    </figure>
  );
}
