import createClient from "openapi-fetch";
import type { paths } from "./schema";

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** Calls the API as the user of the page: `const { data, error } = await api.GET("/api/me")`, all of them typed. */
export const api = createClient<paths>({ baseUrl: window.location.origin });

api.use({
  onRequest({ request }) {
    if (!SAFE_METHODS.includes(request.method)) request.headers.set("X-CSRFToken", csrfToken());
  },
});

/** Returns the CSRF token of the page, which has it in each of its forms. */
function csrfToken(): string {
  return document.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]")?.value ?? "";
}
