import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Answer = (response: ServerResponse) => void;

/** A real HTTP server that replaces /health/services: it gives the answer set last, and counts the requests. */
export class HealthServer {
  requests = 0;
  private answer: Answer = () => undefined;
  private readonly server = createServer((_request, response) => this.handle(response));

  async start(): Promise<this> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return this;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, "close");
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/health/services`;
  }

  answerWith(status: number, body: object | string): void {
    const json = typeof body === "object";
    this.answer = (response) => {
      response.writeHead(status, { "content-type": json ? "application/json" : "text/html" });
      response.end(json ? JSON.stringify(body) : body);
    };
  }

  neverAnswer(): void {
    this.answer = () => undefined;
  }

  /** Resolves on the next request, with a promise that resolves when its client disconnects. */
  nextRequest(): Promise<{ hungUp: Promise<unknown> }> {
    return once(this.server, "request").then(([, response]) => ({
      hungUp: once(response as ServerResponse, "close"),
    }));
  }

  private handle(response: ServerResponse): void {
    this.requests += 1;
    this.answer(response);
  }
}
