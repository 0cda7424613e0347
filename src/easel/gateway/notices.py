"""Letters that nobody asked for: an account is told of what it should know."""

from easel.accounts.queries import get_account
from easel.billing.notices import LowBalanceNotice
from easel.gateway.services import Services
from easel.kit.mail import Mail
from easel.site import letters


def tell_of_low_balance(services: Services, notice: LowBalanceNotice) -> None:
    """Mail it to the account's address, where it has one. Its pages say it in any case."""

    def write() -> Mail | None:
        with services.database.transaction() as session:
            email = get_account(session, notice.account_id).email
        return letters.low_balance(services.home_url, email, notice.balance) if email else None

    services.postman.post(write)
