import { configure } from "@testing-library/react";

// The time that a test waits for an expectation: long enough for a busy machine.
configure({ asyncUtilTimeout: 4000 });
