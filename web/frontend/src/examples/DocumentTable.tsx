import { useEffect, useRef, useState } from "react";
import { requestJson } from "./request";

interface Documents {
  query: string;
  errors: readonly string[];
  count: string;
  number: number;
  pages: number;
  documents: readonly { id: number; name: string; url: string; size: string; uploaded: string }[];
}

interface DocumentTableProps {
  url: string;
  first: Documents;
  delay_ms?: number;
  labels: Record<
    | "search"
    | "name"
    | "size"
    | "uploaded"
    | "newer"
    | "older"
    | "pages"
    | "page"
    | "empty"
    | "failed",
    string
  >;
}

/** A table that is searched while one types. The address of the page follows, so that it can be reloaded and sent. */
export default function DocumentTable({ url, first, delay_ms = 250, labels }: DocumentTableProps) {
  const [wish, setWish] = useState({ query: first.query, number: first.number });
  const [page, setPage] = useState(first);
  const [failed, setFailed] = useState(false);
  const untouched = useRef(true);

  useEffect(() => {
    if (untouched.current) return;
    const loading = new AbortController(); // a later search replaces this one
    const timer = window.setTimeout(async () => {
      const parameters = `?${new URLSearchParams({ q: wish.query, page: String(wish.number) })}`;
      try {
        const { answer } = await requestJson<Documents>(url + parameters, {
          signal: loading.signal,
        });
        setPage(answer);
        setFailed(false);
        window.history.replaceState(null, "", parameters);
      } catch {
        setFailed(!loading.signal.aborted);
      }
    }, delay_ms);
    return () => {
      window.clearTimeout(timer);
      loading.abort();
    };
  }, [wish, url, delay_ms]);

  function ask(query: string, number: number): void {
    untouched.current = false;
    setWish({ query, number });
  }

  const { errors, documents, number, pages } = page;
  const position = labels.page.replace("{number}", `${number}`).replace("{pages}", `${pages}`);
  return (
    <>
      <div className="search">
        <div className="field">
          <label htmlFor="document-search">{labels.search}</label>
          <input
            id="document-search"
            type="search"
            value={wish.query}
            aria-invalid={errors.length > 0}
            aria-describedby="document-search-news"
            onChange={(event) => ask(event.target.value, 1)}
          />
        </div>
      </div>
      <p
        id="document-search-news"
        className={errors.length > 0 ? "errorlist" : "muted"}
        role="status"
      >
        {failed ? labels.failed : errors.join(" ") || page.count}
      </p>
      {documents.length > 0 ? (
        <Rows documents={documents} labels={labels} />
      ) : (
        <p className="empty">{labels.empty}</p>
      )}
      {pages > 1 && (
        <nav className="actions" aria-label={labels.pages}>
          <Turn
            text={labels.newer}
            possible={number > 1}
            turn={() => ask(wish.query, number - 1)}
          />
          <span className="muted">{position}</span>
          <Turn
            text={labels.older}
            possible={number < pages}
            turn={() => ask(wish.query, number + 1)}
          />
        </nav>
      )}
    </>
  );
}

/** Stays where it is when there is no further page, so that it keeps the focus. */
function Turn({ text, possible, turn }: { text: string; possible: boolean; turn: () => void }) {
  return (
    <button
      type="button"
      className="button button--secondary"
      aria-disabled={!possible}
      onClick={possible ? turn : undefined}
    >
      {text}
    </button>
  );
}

function Rows({
  documents,
  labels,
}: Pick<Documents, "documents"> & Pick<DocumentTableProps, "labels">) {
  return (
    <table aria-labelledby="table">
      <thead>
        <tr>
          <th scope="col">{labels.name}</th>
          <th scope="col">{labels.size}</th>
          <th scope="col">{labels.uploaded}</th>
        </tr>
      </thead>
      <tbody>
        {documents.map((document) => (
          <tr key={document.id}>
            <td data-label={labels.name}>
              <a href={document.url}>{document.name}</a>
            </td>
            <td data-label={labels.size} className="whole">
              {document.size}
            </td>
            <td data-label={labels.uploaded} className="whole">
              {document.uploaded}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
