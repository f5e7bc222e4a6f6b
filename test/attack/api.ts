/** Requests to the attacked server as anybody: with a certificate, with a token, or with neither. */
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Target } from "../bench/h2-client.ts";

export interface Answered {
  readonly code: number;
  readonly text: string;
}

export interface Asked {
  readonly body?: object | string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const answerMs = 20_000;

export class Api {
  private readonly target: Target;
  private readonly agent = new Agent({ keepAlive: false });

  constructor(target: Target) {
    this.target = target;
  }

  /** @param line Method and path. */
  async ask(line: string, asked: Asked = {}): Promise<Answered> {
    const response = await this.open(line, AbortSignal.timeout(answerMs), asked);
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return { code: response.statusCode ?? 0, text };
  }

  /** Resolves with the head of the reply; the caller reads it, or aborts. */
  open(
    line: string,
    signal: AbortSignal,
    { body, type = "application/json", headers = {} }: Asked = {},
  ): Promise<IncomingMessage> {
    const [method = "GET", path = "/"] = line.split(" ");
    const { url, ca, certificate, key, token } = this.target;
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, url), {
        method,
        agent: this.agent,
        signal,
        headers: {
          ...(body === undefined ? {} : { "content-type": type }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(ca === undefined ? {} : { ca }),
        ...(certificate === undefined ? {} : { cert: certificate }),
        ...(key === undefined ? {} : { key }),
      });
      asked.on("error", reject);
      asked.on("response", resolve);
      asked.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
    });
  }
}
