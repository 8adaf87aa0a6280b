import { screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mountComponents, type Registry } from "./mount";
import { registry } from "./registry";

function Greeting({ name = "stranger" }: { name?: string }) {
  return <p>Hello {name}</p>;
}

const greetings: Registry = { Greeting: async () => ({ default: Greeting }) };

describe("mountComponents", () => {
  beforeEach(() => {
    vi.spyOn(console, "error").mockReturnValue();
  });

  afterEach(() => {
    document.body.replaceChildren();
  });

  function consoleText(): string {
    const calls = vi.mocked(console.error).mock.calls;
    return calls.map((call) => call.join(" ")).join("\n");
  }

  it("replaces each element's content by its component, with the element's props", async () => {
    document.body.innerHTML = `
      <div data-component="Greeting" data-props='{"name": "Ada"}'>Loading</div>
      <div data-component="Greeting" data-props='{"name": "Grace &amp; Joan"}'></div>`;
    await mountComponents(document, greetings);

    await screen.findByText("Hello Ada");
    await screen.findByText("Hello Grace & Joan");
    expect(screen.queryByText("Loading")).toBeNull();
    expect(console.error).not.toHaveBeenCalled();
  });

  it("renders a component without props", async () => {
    document.body.innerHTML = '<div data-component="Greeting"></div>';
    await mountComponents(document, greetings);
    await screen.findByText("Hello stranger");
  });

  it.each(["Missing", "toString", ""])(
    "reports the unknown component %j and the known ones, keeps its content, mounts the others",
    async (name) => {
      document.body.innerHTML = `
        <div data-component="${name}">As Django made it</div>
        <div data-component="Greeting" data-props='{"name": "Ada"}'></div>`;
      await mountComponents(document, greetings);

      await screen.findByText("Hello Ada");
      expect(screen.queryByText("As Django made it")).not.toBeNull();
      expect(consoleText()).toMatch(new RegExp(`"${name}".*no component.*Greeting`, "s"));
    },
  );

  it("reports the component whose props are not JSON", async () => {
    document.body.innerHTML = `<div data-component="Greeting" data-props="{'name': 1}"></div>`;
    await mountComponents(document, greetings);
    expect(consoleText()).toMatch(/"Greeting".*data-props is not JSON: \{'name': 1\}/s);
  });

  it("reports the component whose file cannot be fetched, and mounts the others", async () => {
    document.body.innerHTML = `
      <div data-component="Gone"></div>
      <div data-component="Greeting" data-props='{"name": "Ada"}'></div>`;
    const gone = () => Promise.reject(new Error("404 for Gone.js"));
    await mountComponents(document, { ...greetings, Gone: gone });

    await screen.findByText("Hello Ada");
    expect(consoleText()).toMatch(/"Gone".*404 for Gone\.js/s);
  });
});

describe("registry", () => {
  it("has the components by the names of their files, and no tests", () => {
    expect(Object.keys(registry)).toContain("StackStatus");
    expect(Object.keys(registry).join()).not.toMatch(/test/i);
  });

  it.each(Object.entries(registry))("finds the component %s", async (_name, load) => {
    expect((await load()).default).toBeTypeOf("function");
  });
});
