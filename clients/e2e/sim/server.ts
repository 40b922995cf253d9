import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { extname, join, normalize } from "node:path";
import { createConnectRouter } from "@connectrpc/connect";
import { routes, type SimAuth } from "./routes.ts";
import { Shop } from "./shop.ts";
import { StreamHub } from "./stream.ts";

/** The policy of the gateway: what the app must live with. */
export const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "media-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};

const DIST = new URL("../../kitchen/dist/", import.meta.url).pathname;

/** A restaurant behind HTTP: serves the built app and speaks gRPC-Web, and can fall silent or down on command. */
export class Sim {
  readonly shop = new Shop();
  readonly auth: SimAuth = { approved: false, tokens: new Set(), refreshes: 0, accessLifeMs: 600_000 };
  lagMs = 0;
  /** Takes connections and bytes, and says nothing: a network that swallows. */
  mute = false;
  /** Appended to the service worker: a newer build. */
  build = "";
  private readonly hub = new StreamHub(this.shop, { heartbeatMs: 2_000, lagMs: () => this.lagMs });
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}/kitchen/`;
  }

  async start(): Promise<void> {
    const router = createConnectRouter({ grpcWeb: true, grpc: false, connect: false });
    routes(router, this.shop, this.hub, this.auth);
    const server = createServer((request, response) => {
      void this.answer(router, request, response).catch(() => response.destroy());
    });
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** Falls down: connections break, new ones are refused. `start` brings it back at the same address. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  private async answer(
    router: ReturnType<typeof createConnectRouter>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (request.method === "POST") return this.call(router, path, request, response);
    if (this.mute) return;
    await serveFile(path, response, path.endsWith("/sw.js") ? this.build : "");
  }

  private async call(
    router: ReturnType<typeof createConnectRouter>,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const handler = router.handlers.find((each) => each.requestPath === path);
    if (!handler || this.mute) {
      if (!this.mute) response.writeHead(404).end();
      return;
    }
    const abort = new AbortController();
    response.on("close", () => abort.abort());
    const header = new Headers();
    for (const [name, value] of Object.entries(request.headers)) header.set(name, String(value));
    const answer = await handler({
      httpVersion: "1.1",
      method: "POST",
      url: `http://127.0.0.1:${this.port}${path}`,
      header,
      body: request,
      signal: abort.signal,
    });
    response.writeHead(answer.status, Object.fromEntries(answer.header ?? []));
    for await (const chunk of answer.body ?? []) {
      while (this.mute && !abort.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 50));
      if (abort.signal.aborted) return;
      response.write(chunk);
    }
    response.end();
  }
}

export async function serveFile(path: string, response: ServerResponse, more = ""): Promise<void> {
  if (path === "/") {
    response.writeHead(307, { location: "/kitchen/" }).end();
    return;
  }
  const name = normalize(path.replace(/^\/kitchen\/?/, "")).replace(/^(\.\.[/\\])+/, "");
  const wanted = name === "" || name === "." ? "index.html" : name;
  const bytes = await readFile(join(DIST, wanted)).catch(() => undefined);
  const found = bytes ?? (extname(wanted) ? undefined : await readFile(join(DIST, "index.html")));
  if (!found) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    "content-type": TYPES[bytes ? extname(wanted) : ".html"] ?? "application/octet-stream",
    "content-security-policy": CSP,
    "cache-control": "no-cache",
  });
  response.end(more ? `${found}\n//${more}` : found);
}
