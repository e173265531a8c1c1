// Guesses the time zone of a form that was not filled in yet. Without it the field says UTC and can be chosen by hand.
const field = document.querySelector('select[data-guess]')
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
// A choice that the browser brought back with the page stays.
if (field?.value === 'UTC' && zone) {
  if (![...field.options].some((option) => option.value === zone)) field.add(new Option(zone, zone))
  field.value = zone
}
