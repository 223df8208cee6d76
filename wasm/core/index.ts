// What the core exports: nothing else is visible to the host. Only i32 and f64 cross; records are in memory (../abi.ts).
export { image_load, image_activate } from "./image";
