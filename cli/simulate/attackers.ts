import { guessedToken } from "./credentials.ts";
import { bearer, renew } from "./device-token.ts";
import type { Device, Origin } from "./population.ts";
import type { Actor, Stage } from "./stage.ts";

/** One address guesses at tokens, in waves: 15 of every 45 seconds. */
export function guesser(stage: Stage): Actor {
  const from: Origin = { region: 0, address: "203.0.113.66", country: "NL" };
  return {
    rate: (elapsedSeconds) => (elapsedSeconds % 45 < 15 ? 8 : 0),
    async act(nowMs) {
      const token = await guessedToken(stage.secrets.tokens, nowMs, stage.random);
      stage.caller.send(from, {
        method: "GET",
        path: `/fleet/devices/dev-${stage.random.below(9000) + 1000}`,
        headers: bearer(token),
      });
    },
  };
}

/** A scanner, looking for what was left lying about. */
export function scanner(stage: Stage): Actor {
  const from: Origin = { region: 2, address: "203.0.113.9", country: "SG" };
  const paths = ["/.env", "/.git/config", "/wp-login.php", "/fleet/devices/..%2f..%2fetc/passwd"];
  return { rate: () => 0.3, act: () => stage.caller.send(from, { method: "GET", path: stage.random.pick(paths) }) };
}

/** A sensor that was taken over walks through other devices' ids with its own good token (BOLA). */
export function enumerator(stage: Stage, taken: Device): Actor {
  let number = 1000;
  return {
    rate: (elapsedSeconds) => (elapsedSeconds % 60 < 40 ? 1.5 : 0),
    async act(nowMs) {
      await renew(taken, stage.secrets, nowMs);
      number = number === 9999 ? 1000 : number + 1;
      stage.caller.send(taken, { method: "GET", path: `/fleet/devices/dev-${number}`, headers: bearer(taken.token) });
    },
  };
}

/** Somebody has a device's token and reads what the device may read: each request looks valid. Nobody refuses it, until you do. */
export function thief(stage: Stage, victim: Device): Actor {
  const from: Origin = { region: stage.regions - 1, address: "203.0.113.77", country: "BR" };
  return {
    rate: () => 0.7,
    async act(nowMs) {
      await renew(victim, stage.secrets, nowMs);
      const path = `/fleet/devices/${victim.id}${stage.random.pick(["", "/commands"])}`;
      stage.caller.send(from, { method: "GET", path, headers: bearer(victim.token) });
    },
  };
}
