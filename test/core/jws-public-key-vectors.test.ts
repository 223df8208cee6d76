import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyJws } from "./verify-jws.ts";

const corpora = process.env.PICKET_CORPORA ?? "../shared/corpora";
type Jwk = Record<string, unknown>;

describe("RFC 7515 appendix A and RFC 8037 appendix A.4", () => {
  const claims = ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
  const examples: [string, Jwk, string][] = [
    [
      "A.2, RS256",
      {
        kty: "RSA",
        n: "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        e: "AQAB",
      },
      `eyJhbGciOiJSUzI1NiJ9${claims}cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw`,
    ],
    [
      "A.3, ES256",
      {
        kty: "EC",
        crv: "P-256",
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
      },
      `eyJhbGciOiJFUzI1NiJ9${claims}DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
    ],
    [
      "A.4, ES512",
      {
        kty: "EC",
        crv: "P-521",
        x: "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        y: "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
      },
      "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    ],
    [
      "RFC 8037 A.4, EdDSA",
      { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    ],
  ];
  it.each(examples)("%s: is verified, and no signature with another byte is", async (_, jwk, jws) => {
    expect(await verifyJws(jws, jwk)).toBe(true);
    const dot = jws.lastIndexOf(".");
    const signature = Buffer.from(jws.slice(dot + 1), "base64url");
    for (let at = 0; at < signature.length; at += 7) {
      const other = Buffer.from(signature);
      other[at] = (other[at] ?? 0) ^ 1;
      expect([at, await verifyJws(jws.slice(0, dot + 1) + other.toString("base64url"), jwk)]).toEqual([at, false]);
    }
  });
});

describe("Wycheproof", () => {
  interface Group {
    public?: Jwk;
    private?: Jwk;
    tests: { tcId: number; comment: string; jws: string; result: "valid" | "invalid" }[];
  }
  const file = join(corpora, "wycheproof/json_web_signature_test.json");
  const isThere = existsSync(file);
  if (!isThere) process.stderr.write("no corpus wycheproof: 361 signatures by public keys are not judged\n");
  const groups = isThere ? (JSON.parse(readFileSync(file, "utf8")) as { testGroups: Group[] }).testGroups : [];

  // Where Picket does otherwise than published, and why.
  const exceptions: Record<number, string> = {
    346: "the key says alg PS256, the token PS384: key and algorithm must agree (RFC 8725 §3.1)",
    347: "the key says alg ES521, which is no algorithm (RFC 7518 §3.1)",
    350: "as 346",
    351: "as 347",
  };

  it.skipIf(!isThere)("judges all 361 signatures by RSA and EC keys as published, but for those that say why not", async () => {
    const wrong: string[] = [];
    const counts = { valid: 0, invalid: 0, accepted: 0 };
    for (const { public: jwk, tests } of groups) {
      if (jwk === undefined) continue;
      for (const { tcId, comment, jws, result } of tests) {
        const accepted = await verifyJws(jws, jwk);
        counts[result]++;
        if (accepted) counts.accepted++;
        if (accepted !== (result === "valid") && exceptions[tcId] === undefined) {
          wrong.push(`${tcId} ${comment}: ${accepted ? "accepted" : "refused"}, published as ${result}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(counts).toEqual({ valid: 36, invalid: 325, accepted: 32 });
  });
});

describe("RFC 7520 §4", () => {
  const folder = join(corpora, "jwt/cookbook-jws");
  const isThere = existsSync(folder);
  if (!isThere) process.stderr.write("no corpus jwt/cookbook-jws: 3 examples by public keys are not judged\n");
  it.skipIf(!isThere).each(["4_1.rsa_v15_signature", "4_2.rsa-pss_signature", "4_3.ecdsa_signature"])("%s", async (name) => {
    const { input, output } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as {
      input: { key: Jwk };
      output: { compact: string };
    };
    expect(await verifyJws(output.compact, input.key)).toBe(true);
    expect(await verifyJws(output.compact, input.key, ["ES256", "EdDSA"])).toBe(false);
  });
});
