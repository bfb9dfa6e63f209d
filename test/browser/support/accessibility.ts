/** Accessibility checks of a page: names of controls, the Tab order, contrast. */
import type { Page } from 'playwright-core'

const CONTROLS = new Set(['button', 'checkbox', 'textbox', 'link', 'combobox', 'switch', 'image'])

/** Returns the roles of controls without a name; must be empty. */
export async function namelessControls(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page)
  const { nodes } = await session.send('Accessibility.getFullAXTree')
  await session.detach()
  return nodes
    .filter(({ ignored, role }) => !ignored && CONTROLS.has(String(role?.value)))
    .filter(({ name }) => String(name?.value ?? '').trim() === '')
    .map(({ role }) => String(role?.value))
}

/** Returns the focused element after each press of Tab, from the top of the page. */
export async function tabOrder(page: Page, presses: number): Promise<string[]> {
  await page.evaluate(() => {
    // Otherwise the order starts at the last focused element.
    document.body.tabIndex = -1
    document.body.focus()
    document.body.removeAttribute('tabindex')
  })
  const order: string[] = []
  for (let press = 0; press < presses; press++) {
    await page.keyboard.press('Tab')
    order.push(
      await page.evaluate(() => {
        const focused = document.activeElement as HTMLElement
        const { outlineStyle } = getComputedStyle(focused)
        const name = focused.ariaLabel ?? focused.id
        return `${focused.localName} ${name === '' ? focused.textContent?.trim() : name}, ${outlineStyle}`
      }),
    )
  }
  return order
}

/** Returns texts with less contrast than WCAG 2 requires (AA: 4.5, large text 3); must be empty. */
export function paleTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas')
    const pen = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D
    const luminance = () => {
      const [r = 0, g = 0, b = 0] = [...pen.getImageData(0, 0, 1, 1).data]
        .slice(0, 3)
        .map((byte) => byte / 255)
        .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4))
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const paint = (color: string) => {
      pen.fillStyle = color
      pen.fillRect(0, 0, 1, 1)
    }
    const contrast = (element: Element) => {
      const layers: string[] = []
      for (let at: Element | null = element; at !== null; at = at.parentElement) {
        layers.unshift(getComputedStyle(at).backgroundColor)
      }
      paint(matchMedia('(prefers-color-scheme: dark)').matches ? 'black' : 'white')
      layers.forEach(paint)
      const behind = luminance()
      paint(getComputedStyle(element).color)
      const before = luminance()
      return (Math.max(behind, before) + 0.05) / (Math.min(behind, before) + 0.05)
    }
    const hasText = (element: Element) =>
      [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue?.trim() !== '')
    return [...document.querySelectorAll('body *')]
      .filter((element) => hasText(element) && element.checkVisibility())
      .filter((element) => {
        const isLarge = Number.parseFloat(getComputedStyle(element).fontSize) >= 24
        return contrast(element) < (isLarge ? 3 : 4.5)
      })
      .map((element) => `${element.localName}: ${element.textContent}`)
  })
}
