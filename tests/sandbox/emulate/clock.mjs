// The clock of this process stands still until a test moves it: a file says by how many seconds it is ahead.
import { readFileSync } from "node:fs";

const begun = Date.now();
Date.now = () => begun + 1000 * Number(readFileSync(process.env.SECONDS_AHEAD, "utf8"));
