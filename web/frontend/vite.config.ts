/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Django's STATIC_URL + dist/: the same address whether Vite serves it (LOCAL) or nginx does (built).
  base: "/static/dist/",
  // Files that need no building live in Django's web/static/.
  publicDir: false,
  // Pages come from Django: what Vite does not know is a 404, never an index.html.
  appType: "custom",
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    rolldownOptions: { input: "src/main.tsx" },
  },
  server: {
    // Reached through nginx only. No `origin`, no `ws`: the browser then talks to the page's own host and port.
    host: "0.0.0.0",
    port: 5173,
    strictPort: true,
    // Next to localhost and IP addresses, which Vite always answers to.
    allowedHosts: [process.env.DOMAIN ?? "localhost"],
    // The container keeps its packages one folder above; what they bring (fonts, images) is served too.
    fs: { allow: [".", "../node_modules"] },
  },
  test: {
    environment: "jsdom",
    setupFiles: "src/testing/setup.ts",
    restoreMocks: true,
  },
});
