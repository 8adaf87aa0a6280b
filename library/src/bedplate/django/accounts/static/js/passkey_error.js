// django-allauth dispatches this event when a passkey does not work. Without a message the button would seem dead.
document.addEventListener("allauth.error", () => {
  const message = document.getElementById("passkey-error");
  document.querySelector("main h1").after(message);
  message.hidden = false;
});
