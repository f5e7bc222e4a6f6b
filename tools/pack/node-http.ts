/**
 * What kedge uses of node:http, for the pack. An import of node:http reads everything it exports, and one of those loads a whole
 * HTTP client for WebSockets: 36 ms of CPU and 16 MB for nothing. A name that is missing here fails the making of the pack.
 */
export const { Agent, createServer, request, ServerResponse } = process.getBuiltinModule("node:http");
