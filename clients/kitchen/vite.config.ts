import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { VitePWA } from "vite-plugin-pwa";

const gateway = process.env.MUSTER_URL ?? "http://127.0.0.1:8080";

/**
 * The display speaks binary protobuf alone. The transport can also speak JSON, which would bring a second codec and all
 * of its well-known types: 15 kB that nothing calls.
 */
const binaryOnly: Plugin = {
  name: "binary-only",
  apply: "build",
  enforce: "pre",
  load(id) {
    const file = /@bufbuild\/protobuf\/dist\/esm\/((?:from|to)-json)\.js$/.exec(id)?.[1];
    if (!file) return null;
    const names = file === "to-json" ? ["toJson", "toJsonString", "enumToJson"] : FROM_JSON;
    return names.map((name) => `export function ${name}() { throw new Error("binary only"); }`).join("\n");
  },
};
const FROM_JSON = ["fromJson", "fromJsonString", "mergeFromJson", "mergeFromJsonString", "enumFromJson", "isEnumJson"];

/** What is loaded when somebody opens it. */
const LATER =
  /src\/(panels\/|screens\/(all-day|guests|pair|panels|start-shift)|parts\/(size-picker|sound-test|station-picker|prompt)|data\/pairing|model\/allday)|gen\/muster\/(auth\/v1\/device|orders\/v1\/station_service)|ui\/src\/drawer/;

export default defineConfig({
  base: "/kitchen/",
  plugins: [
    binaryOnly,
    react(),
    VitePWA({
      registerType: "prompt",
      injectRegister: false,
      filename: "sw.js",
      manifest: {
        id: "/kitchen/",
        name: "Muster Kitchen",
        short_name: "Kitchen",
        description: "Tickets, as they come.",
        start_url: "/kitchen/",
        scope: "/kitchen/",
        display: "fullscreen",
        display_override: ["fullscreen", "standalone"],
        orientation: "landscape",
        background_color: "#090b0e",
        theme_color: "#090b0e",
        icons: [
          { src: "icon-192.png", sizes: "192x192", type: "image/png" },
          { src: "icon-512.png", sizes: "512x512", type: "image/png" },
          { src: "icon-maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
          { src: "icon.svg", sizes: "any", type: "image/svg+xml" },
        ],
      },
      workbox: {
        globPatterns: ["**/*.{js,css,html,svg,png,woff2,webmanifest}"],
        navigateFallback: "/kitchen/index.html",
        navigateFallbackAllowlist: [/^\/kitchen\//],
        cleanupOutdatedCaches: true,
        clientsClaim: true,
        inlineWorkboxRuntime: true,
        sourcemap: false,
      },
    }),
  ],
  build: {
    target: "es2022",
    // Data URLs for fonts are against the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    manifest: true,
    rolldownOptions: {
      output: {
        // What the first ticket needs comes in one piece: shared pieces of their own compress worse.
        advancedChunks: { groups: [{ name: "app", test: (id: string) => !LATER.test(id) }] },
      },
    },
  },
  server: {
    proxy: { "^/muster\\.": gateway },
  },
});
