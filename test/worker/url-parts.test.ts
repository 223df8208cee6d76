import { expect, it } from "vitest";
import { urlParts } from "../../worker/gateway/url-parts.ts";

it.each([
  ["http://h/a/b?c=d", { proto: "http", host: "h", path: "/a/b", query: "?c=d" }],
  ["https://h:8443/", { proto: "https", host: "h:8443", path: "/", query: "" }],
  ["http://h", { proto: "http", host: "h", path: "/", query: "" }],
  ["http://h?x=/y", { proto: "http", host: "h", path: "/", query: "?x=/y" }],
  ["http://h/a?b?c/d", { proto: "http", host: "h", path: "/a", query: "?b?c/d" }],
  ["http://h//a/%2e%2e/b", { proto: "http", host: "h", path: "//a/%2e%2e/b", query: "" }],
  ["http://[::1]:80/a", { proto: "http", host: "[::1]:80", path: "/a", query: "" }],
])("cuts %s without rewriting it", (url, parts) => {
  expect(urlParts(url)).toEqual(parts);
});
