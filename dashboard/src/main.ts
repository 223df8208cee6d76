import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/live-table.css";
import { mount } from "svelte";
import App from "./App.svelte";

const target = document.querySelector("#console");
if (target) mount(App, { target });
