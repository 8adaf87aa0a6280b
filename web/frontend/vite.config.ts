/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Django's STATIC_URL + dist/: the same URL from Vite (LOCAL) and from nginx (built).
  base: "/static/dist/",
  // Files that need no build are in Django's web/static/.
  publicDir: false,
  // Pages come from Django: unknown paths are a 404, never an index.html.
  appType: "custom",
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    rolldownOptions: { input: "src/main.tsx" },
  },
  server: {
    // Reachable through nginx only. Without `origin` and `ws`, the browser uses the page's own host and port.
    host: "0.0.0.0",
    port: 5173,
    strictPort: true,
    // In addition to localhost and IP addresses, which Vite always accepts.
    allowedHosts: [process.env.DOMAIN ?? "localhost"],
    // The container has its packages in the parent folder; their files (fonts, images) are served too.
    fs: { allow: [".", "../node_modules"] },
  },
  test: {
    environment: "jsdom",
    setupFiles: "src/testing/setup.ts",
    restoreMocks: true,
  },
});
