// django-allauth tells of a passkey that did not work by this event; shown to nobody, the button would seem dead.
document.addEventListener("allauth.error", () => {
  const message = document.getElementById("passkey-error");
  document.querySelector("main h1").after(message);
  message.hidden = false;
});
