import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serveFile } from "./server.ts";

/** The built app in front of a running Muster that has an older one built in, or none. */
export class Front {
  private server: Server | undefined;
  private port = 0;

  constructor(private readonly upstream: string) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}/kitchen/`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      if (request.method === "POST") this.pass(request, response);
      else void serveFile(new URL(request.url ?? "/", "http://localhost").pathname, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  private pass(request: IncomingMessage, response: ServerResponse): void {
    const target = new URL(request.url ?? "/", this.upstream);
    const onward = forward(target, { method: "POST", headers: { ...request.headers, host: target.host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }
}
