import { beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "./client";

const problem = { type: "about:blank", title: "Unprocessable Content", status: 422 };

function answerWith(status: number, body: object, type: string) {
  const answer = vi.fn<(request: Request) => Promise<Response>>(async () => {
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": type } });
  });
  return answer;
}

describe("api", () => {
  beforeEach(() => {
    document.body.innerHTML =
      '<input type="hidden" name="csrfmiddlewaretoken" value="of-the-page">';
  });

  it("returns the data of an answer", async () => {
    const fetch = answerWith(200, { email: "ada@example.org", name: "" }, "application/json");
    const { data } = await api.GET("/api/me", { fetch });
    expect(data?.email).toBe("ada@example.org");
    expect(fetch.mock.calls[0]?.[0].headers.has("X-CSRFToken")).toBe(false);
  });

  it("sends the CSRF token of the page with a change, and returns the problem", async () => {
    const fetch = answerWith(422, problem, "application/problem+json");
    const { data, error } = await api.PATCH("/api/me", { body: { name: "Ada" }, fetch });
    expect(data).toBeUndefined();
    expect(error?.status).toBe(422);
    expect(fetch.mock.calls[0]?.[0].headers.get("X-CSRFToken")).toBe("of-the-page");
  });
});
