import { configure } from "@testing-library/react";

// How long a test waits for what it expects, before it fails: a busy machine is slow, not wrong.
configure({ asyncUtilTimeout: 4000 });
