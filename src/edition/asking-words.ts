// Words that belong to asking and not to what is asked for: papers need not hold them.

/** In lower case, each form by itself. The database drops "how", "what", "the" and their like. */
export const ASKING_WORDS: ReadonlySet<string> = new Set(
  `paper papers article articles publication publications preprint preprints literature work works working
  research study studies approach approaches method methods technique techniques solution solutions
  way ways thing things something anything someone anyone people stuff idea ideas kind kinds sort type types
  overview best better good great nice top popular important interesting useful possible possibly
  new newest novel recent recently latest current currently today nowadays modern existing available
  state-of-the-art sota make makes making made do doing done get gets getting use uses used using
  find finds finding give gives given show shows see tell know known want need needs needed like look looks looking
  help helps try trying go going come comes happen happens exist exists explain explains explained
  mean means say says talk talks deal deals could would may might must let lets please thanks cannot
  much many lot lots several various well really actually still yet also even ever often usually
  without instead via toward towards versus vs regarding`
    .trim()
    .split(/\s+/),
)
