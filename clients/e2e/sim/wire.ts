import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A network between a screen and a running Muster that can swallow everything, as a dead access point does. */
export class Wire {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private silent = false;

  constructor(upstream: string) {
    const { hostname, port } = new URL(upstream);
    this.server = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(from);
        from.on("data", (data) => to.write(data));
        from.on("close", () => {
          this.sockets.delete(from);
          to.destroy();
        });
        from.on("error", () => to.destroy());
        if (this.silent) from.pause();
      }
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Nothing goes through any more, and nobody is told. */
  cut(): void {
    this.silent = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** What waited goes on, as far as its connection still lives. */
  mend(): void {
    this.silent = false;
    for (const socket of this.sockets) socket.resume();
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}
