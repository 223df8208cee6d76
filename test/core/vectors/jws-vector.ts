/** A compact JWS, the key that it is judged by, and what is published of it: data, so that it can be taken to another runtime. */
export interface JwsVector {
  id: string;
  valid: boolean;
  jws: string;
  jwk: Record<string, unknown>;
  /** Why Picket judges otherwise than published. */
  otherwise?: string | undefined;
}
