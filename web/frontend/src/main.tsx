// Must run before any component is loaded: it connects React to Vite's hot module replacement, and is empty in a build.
// A module needs no inline script, and so no nonce.
import "@vitejs/plugin-react/preamble";
import "vite/modulepreload-polyfill";
import "../sass/main.scss";
import { mountComponents } from "./mount";
import { registry } from "./registry";

void mountComponents(document, registry);
