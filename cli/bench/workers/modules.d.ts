// What wrangler's bundler makes of imports that are not code.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
declare module "*.sql" {
  const text: string;
  export default text;
}
