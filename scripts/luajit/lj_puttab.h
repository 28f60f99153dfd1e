/*
 * The loop of table.concat, in place of LuaJIT's own in lj_buf.c, which goes through the buffer's fields for each element: here
 * the place to write at stays in a register, and whole numbers and strings below four bytes take no call.
 */

/* Where `need` bytes can be written; w: where the text so far ends. */
static LJ_AINLINE char *puttab_room(SBuf *sb, char *w, MSize need)
{
  if (LJ_LIKELY(need <= (MSize)(sb->e - w)))
    return w;
  sb->w = w;
  return lj_buf_more2(sb, need);
}

/* Appends elements i to e of t with sep (or NULL) between; NULL: sb->w is the index of one that is no string or number. */
SBuf *lj_buf_puttab(SBuf *sb, GCtab *t, GCstr *sep, int32_t i, int32_t e)
{
  MSize seplen = sep ? sep->len : 0;
  char *w = sb->w;
  if (i > e)
    return sb;
  for (;;) {
    cTValue *o = lj_tab_getint(t, i);
    int32_t k;
    if (o && tvisstr(o)) {
      MSize len = strV(o)->len;
      w = puttab_room(sb, w, len + 4 + seplen);
      w = len < 4 ? whole_put_tiny(w, strV(o)) : lj_buf_wmem(w, strdata(strV(o)), len);
    } else if (o && tvisint(o)) {
      w = whole_write(puttab_room(sb, w, STRFMT_MAXBUF_INT + seplen), intV(o));
    } else if (o && tvisnum(o) && whole_is(numV(o), &k)) {
      w = whole_write(puttab_room(sb, w, STRFMT_MAXBUF_INT + seplen), k);
    } else if (o && tvisnum(o)) {
      sb->w = w;
      w = lj_buf_more(lj_strfmt_putfnum(sb, STRFMT_G14, numV(o)), seplen);
    } else {
      sb->w = (char *)(intptr_t)i;
      return NULL;
    }
    if (i++ == e)
      break;
    if (seplen)
      w = lj_buf_wmem(w, strdata(sep), seplen);
  }
  sb->w = w;
  return sb;
}
